-- Partitions of `p_parent` for every instant of [p_from, p_until], one for each day, month or year (`p_span`, in UTC); how
-- many were made. Attached rather than made in place, so that nobody who reads or writes the table has to wait.
CREATE FUNCTION make_room(p_parent text, p_span text, p_from timestamptz, p_until timestamptz) RETURNS integer
LANGUAGE plpgsql SET timezone TO 'UTC' AS $$
DECLARE
    first timestamptz := date_trunc(p_span, p_from);
    after timestamptz;
    child text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('make_room'));
    WHILE first <= p_until LOOP
        after := first + ('1 ' || p_span)::interval;
        child := p_parent || to_char(first, CASE p_span WHEN 'day' THEN '_YYYYMMDD' WHEN 'month' THEN '_YYYYMM'
                                                        ELSE '_YYYY' END);
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, p_parent);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', p_parent, child, first, after);
            made := made + 1;
        END IF;
        first := after;
    END LOOP;
    RETURN made;
END $$;

-- Drops the partitions of `p_parent` that end at or before `p_before`; how many.
CREATE FUNCTION drop_room(p_parent text, p_before timestamptz) RETURNS integer
LANGUAGE plpgsql SET timezone TO 'UTC' AS $$
DECLARE
    child regclass;
    dropped integer := 0;
BEGIN
    FOR child IN
        SELECT c.oid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = p_parent::regclass
           AND substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)')::timestamptz <= p_before
    LOOP
        EXECUTE format('DROP TABLE %s', child);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
