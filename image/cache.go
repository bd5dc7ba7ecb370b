package image

import (
	"context"
	"sync"

	"github.com/azward/azward"
)

// Cache keeps results of layers. A key is good for ever: it holds the
// layer's digest and the extractors' version. Layer says false when it has
// nothing under the key. Both are called concurrently.
type Cache interface {
	Layer(ctx context.Context, key string) (*LayerResult, bool, error)
	SaveLayer(ctx context.Context, key string, result *LayerResult) error
}

// layerKey is the name that a result is kept under: the layer's digest as
// stored, which was checked. A diffID is only what a configuration claims, and
// could give one image's packages to another.
func layerKey(d azward.Digest, more *aliases) string {
	key := "layer/" + ExtractorsVersion + "/" + string(d)
	if more != nil {
		key += "/" + more.key()
	}
	return key
}

// MemoryCache keeps results as long as the process runs. The zero value is empty.
type MemoryCache struct {
	mu      sync.RWMutex
	results map[string]*LayerResult
}

// Layer implements [Cache].
func (c *MemoryCache) Layer(_ context.Context, key string) (*LayerResult, bool, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.results[key]
	return r, ok, nil
}

// SaveLayer implements [Cache].
func (c *MemoryCache) SaveLayer(_ context.Context, key string, result *LayerResult) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.results == nil {
		c.results = map[string]*LayerResult{}
	}
	c.results[key] = result
	return nil
}
