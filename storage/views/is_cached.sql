-- Prefect, for one, tells of a result that it took from its cache only by the name of the state.
CREATE FUNCTION assay.is_cached(cached boolean, state text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN cached OR state ~* '(^|[^a-z])(cached|cache[ _-]?hit|from[ _-]?cache)($|[^a-z])';
COMMENT ON FUNCTION assay.is_cached IS 'Whether a task row tells that the target took an earlier result: by its own word, or by a state such as Cached';
