-- A counter that went backwards belongs to another series (a re-made cgroup, a restarted host): no rate then.
CREATE FUNCTION assay.rate_per_s(earlier bigint, later bigint, interval_ns bigint)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN later >= earlier THEN (later - earlier) * 1e9::double precision / nullif(interval_ns, 0) END;
COMMENT ON FUNCTION assay.rate_per_s IS 'Increase of a counter per second over an interval in nanoseconds; null if the counter went backwards';
