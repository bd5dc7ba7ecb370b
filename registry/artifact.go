package registry

func artifactType(error) (string, bool) { return "", false }
