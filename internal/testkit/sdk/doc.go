// Package sdk has tests only: they run the real binary and talk to it with the official OpenAI clients for Node and Python,
// because those, and not our idea of them, are what applications use.
package sdk
