-- What is told besides events: platforms learn the status of each message, and whether an upload was sound. Their message is
-- `event_data` as it is; `type` and `target` are an event's.
ALTER TABLE {longshore}.outbox
  ALTER COLUMN type DROP NOT NULL,
  ALTER COLUMN target DROP NOT NULL,
  ADD COLUMN family text NOT NULL DEFAULT 'event' CHECK (family IN ('event', 'payload-status', 'validation')),
  ADD CONSTRAINT outbox_event_check CHECK (family <> 'event' OR type IS NOT NULL AND target IS NOT NULL),
  -- What the broker will never take is kept until somebody has looked at it; the rest goes on.
  ADD COLUMN parked_at timestamp,
  ADD COLUMN parked_reason text,
  -- The trace that it belongs to, as W3C Trace Context writes it.
  ADD COLUMN traceparent text;

-- Which certificates were told of: that they end soon, or are over.
CREATE TABLE {longshore}.expiry_notices (
  serial_id bigint NOT NULL,
  over boolean NOT NULL,
  told_at timestamp NOT NULL,
  PRIMARY KEY (serial_id, over)
);

DROP INDEX {longshore}.outbox_id_idx;
CREATE INDEX outbox_waiting_idx ON {longshore}.outbox (id) WHERE published_at IS NULL AND parked_at IS NULL;
CREATE INDEX outbox_published_idx ON {longshore}.outbox (published_at) WHERE published_at IS NOT NULL;
CREATE INDEX outbox_parked_idx ON {longshore}.outbox (parked_at) WHERE parked_at IS NOT NULL;

-- Most of its rows come and go within a minute: the default, a fifth of the table, comes too late.
ALTER TABLE {longshore}.outbox SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
