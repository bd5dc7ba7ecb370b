package registry

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/azward/azward/image"
)

// Documents keeps the results of layers; a store is one.
type Documents interface {
	Layer(ctx context.Context, key string) ([]byte, bool, error)
	SaveLayer(ctx context.Context, key string, doc []byte) error
}

// Layers is an [image.Cache] in a store.
type Layers struct{ Store Documents }

// Layer implements [image.Cache].
func (c Layers) Layer(ctx context.Context, key string) (*image.LayerResult, bool, error) {
	raw, ok, err := c.Store.Layer(ctx, key)
	if err != nil || !ok {
		return nil, false, err
	}
	result := new(image.LayerResult)
	if err := json.Unmarshal(raw, result); err != nil {
		return nil, false, nil //nolint:nilerr // an unreadable entry is a miss: the layer is read again
	}
	return result, true, nil
}

// SaveLayer implements [image.Cache].
func (c Layers) SaveLayer(ctx context.Context, key string, result *image.LayerResult) error {
	raw, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("keep layer: %w", err)
	}
	return c.Store.SaveLayer(ctx, key, raw)
}
