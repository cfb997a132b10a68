-- Two look-ups by the index for each drive.
SET LOCAL jit = off;
UPDATE drives AS d
SET start_rated_range_km = f.rated_battery_range_km, end_rated_range_km = l.rated_battery_range_km
FROM drives o
CROSS JOIN LATERAL (SELECT id, date, rated_battery_range_km FROM positions p WHERE p.drive_id=o.id ORDER BY date, id LIMIT 1) f
CROSS JOIN LATERAL (SELECT id, date, rated_battery_range_km FROM positions p WHERE p.drive_id=o.id ORDER BY date DESC, id LIMIT 1) l
WHERE d.id = o.id AND (o.start_rated_range_km IS NULL OR o.end_rated_range_km IS NULL) AND f.date < l.date;
