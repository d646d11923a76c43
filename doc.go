// Package hegui is the compliance platform for providers of generative-AI services in China. The root holds no code, only
// the test of the house's layers; the binary is cmd/hegui.
package hegui
