-- +goose Up
-- Lists find, sort and filter verdicts in one index, and read the documents of
-- the page alone; counts need no row.
DROP INDEX verdicts_in_order;
CREATE INDEX verdicts_in_order ON verdicts (place, id, source, result, severity, exploitable, workload);
CREATE INDEX verdicts_counted ON verdicts (source, result, severity, exploitable);

-- +goose Down
DROP INDEX verdicts_counted;
DROP INDEX verdicts_in_order;
CREATE INDEX verdicts_in_order ON verdicts (place, id);
