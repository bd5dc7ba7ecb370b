//go:build !race

package main

// stride is one where each resource or type is tried in turn.
const stride = 1
