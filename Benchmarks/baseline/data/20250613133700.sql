-- The positions of each drive by the index.
SET LOCAL jit = off;
ALTER TABLE drives ADD COLUMN ascent smallint, ADD COLUMN descent smallint;
UPDATE drives
SET ascent = CASE WHEN e.climbed <= 32767 THEN e.climbed ELSE 0 END, descent = CASE WHEN e.fallen <= 32767 THEN e.fallen ELSE 0 END
FROM drives AS d CROSS JOIN LATERAL (
  SELECT coalesce(sum(step) FILTER (WHERE step > 0), 0) AS climbed, coalesce(-sum(step) FILTER (WHERE step < 0), 0) AS fallen, count(*) AS n
  FROM (SELECT elevation - lag(elevation) OVER (ORDER BY date, id) AS step FROM positions p WHERE p.drive_id = d.id AND elevation IS NOT NULL) s ) e
WHERE drives.id = d.id AND e.n > 0;
