-- What a row of the audit log is hashed as: its fields in this order, each with its length in bytes, so that no two rows
-- read alike. `starkmatter.accounts.audit.chain` says the same in Python and is what checks it. jsonb has one text for
-- one value, and instants have microseconds, so a stored row reads as it was written.
CREATE FUNCTION audit_field(p_text text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(octet_length(convert_to(p_text, 'UTF8')) || ':' || p_text, '-')
$$;

CREATE FUNCTION audit_canonical(p audit_event) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT convert_to(
        audit_field(p.sequence::text) || ','
        || audit_field(to_char(p.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) || ','
        || audit_field(p.actor_id::text) || ',' || audit_field(p.actor_name) || ',' || audit_field(p.via) || ','
        || audit_field(p.ip) || ',' || audit_field(p.action) || ',' || audit_field(p.subject_type) || ','
        || audit_field(p.subject_id) || ',' || audit_field(p.before::text) || ',' || audit_field(p.after::text) || ','
        || audit_field(p.source), 'UTF8')
$$;

-- Appends events in order, each chained to the one before it; how many were new. One writer at a time: the lock is held
-- until the transaction ends, so whoever appends does it last. An event whose source is in the log already is skipped.
CREATE FUNCTION append_audit(p_events jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    i record;
    v_row audit_event;
    v_count bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(91621338270468);  -- 0x5354_4152_4B04
    SELECT sequence, hash INTO v_row.sequence, v_row.hash FROM audit_event ORDER BY sequence DESC LIMIT 1;
    IF NOT FOUND THEN
        v_row.sequence := 0;
        v_row.hash := decode(repeat('00', 32), 'hex');
    END IF;
    FOR i IN SELECT * FROM jsonb_to_recordset(p_events) AS r (
        at timestamptz, actor_id uuid, actor_name text, via text, ip text, action text, subject_type text,
        subject_id text, before jsonb, after jsonb, source text
    ) LOOP
        CONTINUE WHEN i.source IS NOT NULL AND EXISTS (SELECT FROM audit_event e WHERE e.source = i.source);
        v_row := (v_row.sequence + 1, i.at, i.actor_id, i.actor_name, i.via, i.ip, i.action, i.subject_type,
                  i.subject_id, i.before, i.after, i.source, v_row.hash, NULL)::audit_event;
        v_row.hash := sha256(v_row.previous_hash || audit_canonical(v_row));
        INSERT INTO audit_event VALUES (v_row.*);
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END $$;
