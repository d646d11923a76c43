package upstream

// Names of the built-in models, usable as Endpoint.BaseURL; they answer in process, through the same Pool code.
const (
	// SampleURL streams plausible Chinese or English text that says it is a sample, for demos. It honours max_tokens,
	// n, stream_options.include_usage and tools (calls the first tool when the user's text names it), and embeddings.
	SampleURL = "builtin:sample"
	// ProbeURL answers with the JSON string found in the request's metadata.hegui_probe as its text, for Gateway.Probe.
	ProbeURL = "builtin:probe"
)
