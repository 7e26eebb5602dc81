"""Every SQL statement of the audit log."""

APPEND = "SELECT append_audit(%s::jsonb)"

# The texts of jsonb are hashed, so they are read as texts.
CHAIN_AFTER = """
SELECT sequence, at, actor_id, actor_name, via, ip, action, subject_type, subject_id, before::text AS before,
       after::text AS after, source, previous_hash, hash
  FROM audit_event WHERE sequence > %s ORDER BY sequence LIMIT %s
"""

HEAD = "SELECT sequence FROM audit_event ORDER BY sequence DESC LIMIT 1"

EVENTS = """
SELECT sequence, at, actor_id, actor_name, via, ip, action, subject_type, subject_id, before, after, hash
  FROM audit_event
 WHERE (%(action)s::text IS NULL OR action LIKE %(action)s)
   AND (%(person)s::uuid IS NULL OR actor_id = %(person)s
        OR (subject_type = 'person' AND subject_id = %(person)s::uuid::text))
   AND (%(subject_type)s::text IS NULL OR subject_type = %(subject_type)s)
   AND (%(subject_id)s::text IS NULL OR subject_id = %(subject_id)s)
   AND (%(start)s::timestamptz IS NULL OR at >= %(start)s) AND (%(end)s::timestamptz IS NULL OR at < %(end)s)
   AND (%(before)s::bigint IS NULL OR sequence < %(before)s)
 ORDER BY sequence DESC LIMIT %(limit)s
"""
