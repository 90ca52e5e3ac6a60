-- Draws one request and its tokens from an endpoint's shared budget.
--
-- Returns 0 and notes the request if it may be made now, otherwise the seconds to wait before
-- asking again. The whole decision is one statement under the lock of one row: simultaneous
-- requests, from any machine, are decided one after the other, on the database's clock.
--
-- - No minute gives more than the limits; 0 requests or tokens a minute means no limit.
-- - Waiting tenants take turns: the one that has used least goes first.
-- - Requests of killed workers do not block others: each has a lease and names its holder.
CREATE OR REPLACE FUNCTION segments_take_budget(
    wanted_key text, wanted_tenant uuid, wanted_call uuid, wanted_tokens double precision,
    requests_per_minute double precision, tokens_per_minute double precision,
    most_calls integer, most_tenant_calls integer, lease interval, wanted_holder text)
RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    -- A bucket holds a twentieth of a minute's limit, and its size is subtracted from what
    -- flows in: bucket and flow together never give more than the limit in any minute.
    most_requests CONSTANT double precision := greatest(requests_per_minute / 20, 1);
    request_rate CONSTANT double precision :=
        greatest(requests_per_minute - most_requests, requests_per_minute / 2) / 60;
    most_tokens CONSTANT double precision := greatest(tokens_per_minute / 20, 1);
    token_rate CONSTANT double precision :=
        greatest(tokens_per_minute - most_tokens, tokens_per_minute / 2) / 60;
    -- A request counts in addition to its tokens, so that many small ones are not free.
    tokens_of_a_request CONSTANT double precision := 100;
    soon CONSTANT double precision := 0.05;
    grace CONSTANT interval := '0.5 s';
    recent CONSTANT interval := '10 s';
    budget segments_embeddingbudget;
    moment timestamptz;
    passed double precision;
    mine double precision;
    pause double precision := 0;
BEGIN
    INSERT INTO segments_embeddingbudget (key, requests, tokens, refilled_at)
    VALUES (wanted_key, most_requests, most_tokens, clock_timestamp())
    ON CONFLICT (key) DO NOTHING;
    SELECT * INTO budget FROM segments_embeddingbudget WHERE key = wanted_key FOR UPDATE;
    moment := clock_timestamp();
    IF budget.quiet_until > moment THEN
        RETURN extract(epoch FROM budget.quiet_until - moment);
    END IF;
    passed := greatest(extract(epoch FROM moment - budget.refilled_at), 0);
    budget.requests := least(budget.requests + passed * request_rate, most_requests);
    budget.tokens := least(budget.tokens + passed * token_rate, most_tokens);

    -- A tenant without recent requests starts level with the active ones.
    INSERT INTO segments_embeddingturn AS turn (budget_id, tenant_id, served, seen_at)
    SELECT wanted_key, wanted_tenant, coalesce(min(served), 0), moment
    FROM segments_embeddingturn
    WHERE budget_id = wanted_key AND tenant_id <> wanted_tenant AND seen_at > moment - recent
    ON CONFLICT (budget_id, tenant_id) DO UPDATE SET
        served = CASE WHEN turn.seen_at > moment - recent THEN turn.served
                      ELSE greatest(turn.served, excluded.served) END,
        seen_at = moment
    RETURNING served INTO mine;

    DELETE FROM segments_embeddingcall WHERE budget_id = wanted_key AND until < moment;
    IF most_tenant_calls > 0 AND most_tenant_calls <= (
            SELECT count(*) FROM segments_embeddingcall
            WHERE tenant_id = wanted_tenant AND until >= moment) THEN
        RETURN soon;  -- its own cap, not the budget: it does not block others
    END IF;

    IF EXISTS (
            SELECT FROM segments_embeddingturn
            WHERE budget_id = wanted_key AND tenant_id <> wanted_tenant
                AND waiting_until > moment AND served < mine) THEN
        pause := soon;
    ELSIF most_calls <= (
            SELECT count(*) FROM segments_embeddingcall WHERE budget_id = wanted_key) THEN
        pause := soon;
    END IF;
    IF requests_per_minute > 0 AND budget.requests < 1 THEN
        pause := greatest(pause, (1 - budget.requests) / request_rate);
    END IF;
    IF tokens_per_minute > 0 AND budget.tokens < least(wanted_tokens, most_tokens) THEN
        pause := greatest(
            pause, (least(wanted_tokens, most_tokens) - budget.tokens) / token_rate);
    END IF;
    IF pause > 0 THEN
        UPDATE segments_embeddingturn
        SET waiting_until = moment + make_interval(secs => pause) + grace
        WHERE budget_id = wanted_key AND tenant_id = wanted_tenant;
        RETURN pause;
    END IF;

    UPDATE segments_embeddingbudget
    SET requests = budget.requests - 1, tokens = budget.tokens - wanted_tokens,
        refilled_at = moment
    WHERE key = wanted_key;
    UPDATE segments_embeddingturn
    SET served = served + wanted_tokens + tokens_of_a_request, waiting_until = NULL
    WHERE budget_id = wanted_key AND tenant_id = wanted_tenant;
    INSERT INTO segments_embeddingcall (id, budget_id, tenant_id, holder, until)
    VALUES (wanted_call, wanted_key, wanted_tenant, wanted_holder, moment + lease);
    RETURN 0;
END
$$;
