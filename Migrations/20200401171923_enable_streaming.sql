-- migrate:up
-- Streaming is switched on for every car, also where it had been switched off.
UPDATE car_settings SET use_streaming_api = true WHERE NOT use_streaming_api;

-- migrate:down
-- Nothing to do: which cars had streaming switched off is not recorded.
