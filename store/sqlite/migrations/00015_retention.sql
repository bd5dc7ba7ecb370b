-- +goose Up
-- Whether a scan is still referred to is asked for each one that goes.
CREATE INDEX verdicts_by_scan ON verdicts (scan_id);
CREATE INDEX changes_by_scan ON changes (scan_id);

-- +goose Down
DROP INDEX changes_by_scan;
DROP INDEX verdicts_by_scan;
