-- What each API key has used of its requests a minute is written with every request and worth
-- nothing after a crash: it needs neither WAL nor a wait for the disk.
ALTER TABLE segments_apikeyrate SET UNLOGGED;
