CREATE FUNCTION assay.instant(unix_ns bigint)
RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
RETURN timestamptz 'epoch' + interval '1 microsecond' * (unix_ns / 1000);
COMMENT ON FUNCTION assay.instant IS 'The instant of Unix nanoseconds, to the microsecond';
