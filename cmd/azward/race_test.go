//go:build race

package main

// stride thins what tries every resource or type in turn: the race detector
// makes it ten times slower, and the same code runs whole without it.
const stride = 5
