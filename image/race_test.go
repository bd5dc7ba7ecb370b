//go:build race

package image_test

// raceDetector says that tests run twenty times slower.
const raceDetector = true
