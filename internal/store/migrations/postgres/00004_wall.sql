-- +goose Up
-- The second wall between accounts: what the console reads for an account it reads
-- as a role that row-level security shows that account's rows only, whatever the
-- query says. The owner of the tables is not subject to it, so COPY still works.
-- Where the store's user may not create roles, an administrator creates
-- bulkhead_reader beforehand and grants it to that user.
-- +goose StatementBegin
DO $$
BEGIN
    BEGIN
        CREATE ROLE bulkhead_reader NOLOGIN;
    EXCEPTION
        WHEN duplicate_object OR unique_violation THEN NULL;
        WHEN insufficient_privilege THEN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bulkhead_reader') THEN
                RAISE EXCEPTION 'create the role bulkhead_reader and grant it to %, who may not create roles', current_user;
            END IF;
    END;
    IF NOT pg_has_role(current_user, 'bulkhead_reader', 'MEMBER') THEN
        EXECUTE format('GRANT bulkhead_reader TO %I', current_user);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO bulkhead_reader', current_schema());
END
$$;
-- +goose StatementEnd

-- Of the platform, not of an account.
GRANT SELECT ON datasets, dataset_specs TO bulkhead_reader;

-- +goose StatementBegin
DO $$
DECLARE
    t TEXT;
    key TEXT;
BEGIN
    FOREACH t IN ARRAY ARRAY['accounts', 'api_keys', 'dataset_usage', 'imports', 'uploads', 'upload_parts', 'batches', 'error_clusters', 'import_events']
        || ARRAY(SELECT table_name::TEXT FROM information_schema.tables WHERE table_schema = current_schema() AND table_name LIKE 'ds\_%')
    LOOP
        key := CASE WHEN t = 'accounts' THEN 'id' WHEN t LIKE 'ds\_%' THEN '_account_id' ELSE 'account_id' END;
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY own ON %I FOR SELECT TO bulkhead_reader USING (%I = current_setting(''bulkhead.account'', true))', t, key);
        EXECUTE format('GRANT SELECT ON %I TO bulkhead_reader', t);
    END LOOP;
END
$$;
-- +goose StatementEnd
