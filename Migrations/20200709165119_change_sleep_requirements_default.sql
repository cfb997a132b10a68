-- migrate:up
ALTER TABLE car_settings ALTER COLUMN req_not_unlocked SET DEFAULT false;

-- migrate:down
ALTER TABLE car_settings ALTER COLUMN req_not_unlocked SET DEFAULT true;
