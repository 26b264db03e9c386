-- What a coordinator that is started again must know of a sweep's agents.

ALTER TABLE assay.hook ADD COLUMN incarnation text NOT NULL DEFAULT '';
COMMENT ON COLUMN assay.hook.incarnation IS 'Process of the agent that it was given to, the only one that may run it; empty on the coordinator';

ALTER TABLE assay.sweep ADD COLUMN pinned_agents text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN assay.sweep.pinned_agents IS 'Agents that fire, the same for all its runs unless one is gone for good';

-- Nothing was ever written to it.
DROP TABLE assay.event;
