package config

import _ "embed"

// Schema is the JSON Schema of azward.yaml, draft 2020-12.
//
//go:embed azward.schema.json
var Schema []byte

// Example is a file to begin with.
//
//go:embed example.yaml
var Example []byte
