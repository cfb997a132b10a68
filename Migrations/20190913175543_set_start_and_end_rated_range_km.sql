-- migrate:up
-- Compiling the statement would take longer than it saves.
SET LOCAL jit = off;

-- A drive without both rated ranges takes them from its first and its last position, an empty value
-- included. Of several positions at the same second the one with the lowest id counts; a drive whose
-- positions all share one second (or that has fewer than two) has no distinct ends and stays as it is.
WITH spans AS (
    SELECT p.drive_id, min(p.date) AS first_date, max(p.date) AS last_date
    FROM positions AS p
    JOIN drives AS d ON d.id = p.drive_id
    WHERE d.start_rated_range_km IS NULL
        OR d.end_rated_range_km IS NULL
    GROUP BY p.drive_id
    HAVING min(p.date) < max(p.date)
),
ends AS (
    SELECT
        s.drive_id,
        min(p.id) FILTER (WHERE p.date = s.first_date) AS first_id,
        min(p.id) FILTER (WHERE p.date = s.last_date) AS last_id
    FROM spans AS s
    JOIN positions AS p ON p.drive_id = s.drive_id
    WHERE p.date = s.first_date
        OR p.date = s.last_date
    GROUP BY s.drive_id
)
UPDATE drives AS d
SET start_rated_range_km = f.rated_battery_range_km,
    end_rated_range_km = l.rated_battery_range_km
FROM ends AS e
JOIN positions AS f ON f.id = e.first_id
JOIN positions AS l ON l.id = e.last_id
WHERE d.id = e.drive_id;

-- migrate:down
-- Nothing to do: the values stay in columns that the version before drops on its way down.
