"""Every SQL statement of the jobs room."""

CLAIM_SCHEDULED = """
INSERT INTO job_run (job, scheduled_for, asked_at, claimed_at) VALUES (%(job)s, %(scheduled_for)s, %(now)s, %(now)s)
ON CONFLICT (job, scheduled_for) DO NOTHING RETURNING id
"""

ASK_FOR_RUN = """
INSERT INTO job_run (job, scheduled_for, asked_by, asked_at)
SELECT %(job)s::text, %(now)s, %(asked_by)s, %(now)s
 WHERE NOT EXISTS (SELECT 1 FROM job_run WHERE job = %(job)s::text AND claimed_at IS NULL)
ON CONFLICT (job, scheduled_for) DO NOTHING RETURNING id
"""

CLAIM_ASKED = """
UPDATE job_run SET claimed_at = %(now)s
 WHERE id = (SELECT id FROM job_run WHERE claimed_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, job
"""

FINISH_RUN = """
UPDATE job_run SET finished_at = %(now)s, outcome = %(outcome)s, words = %(words)s, duration_ms = %(duration_ms)s
 WHERE id = %(id)s AND finished_at IS NULL
"""

# Only a worker that has just become the leader asks this: whoever ran these is gone.
END_INTERRUPTED = """
UPDATE job_run SET finished_at = %(now)s, outcome = 'interrupted', words = 'The worker ended before it was done.'
 WHERE claimed_at IS NOT NULL AND finished_at IS NULL
"""

LATEST_RUNS = """
SELECT DISTINCT ON (job) job, id, scheduled_for, asked_at, claimed_at, finished_at, outcome, words, duration_ms,
       asked_by IS NOT NULL AS asked
  FROM job_run ORDER BY job, id DESC
"""

RUNS_OF = """
SELECT job, id, scheduled_for, asked_at, claimed_at, finished_at, outcome, words, duration_ms,
       asked_by IS NOT NULL AS asked
  FROM job_run WHERE job = %(job)s ORDER BY id DESC LIMIT %(limit)s
"""

LAST_RUN = """
SELECT job, id, scheduled_for, asked_at, claimed_at, finished_at, outcome, words, duration_ms,
       asked_by IS NOT NULL AS asked
  FROM job_run WHERE job = ANY (%s) AND outcome IN ('done', 'failed') ORDER BY finished_at DESC LIMIT 1
"""

FORGET_RUNS = "DELETE FROM job_run WHERE finished_at < %s"
