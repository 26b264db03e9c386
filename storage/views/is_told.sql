-- A row is there for each task that a driver was given, so that no join loses one; but of these it is no witness.
CREATE FUNCTION assay.is_told(origin text, state text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN origin <> 'driver' OR state <> 'not told';
COMMENT ON FUNCTION assay.is_told IS
  'Whether a task row tells anything: not so where a driver was given the task and told nothing of it, as it died, fell silent or was cancelled';
