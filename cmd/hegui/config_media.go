package main

// MediaConfig says what becomes of files.
type MediaConfig struct {
	// Generated and uploaded images that nothing here can look at: refuse, or pass, which every record says. What is asked for is
	// screened as text either way.
	Unchecked string `yaml:"unchecked"`

	// Where the words stand on generated images: bottom-right, bottom-left, top-right, top-left, bottom, top, left, right.
	Mark string `yaml:"mark"`

	// Hours for which a generated file can be fetched under the address that an answer names.
	Hours int `yaml:"hours"`
}

// FileDetectorConfig is an endpoint that looks at pictures or writes down what is said.
type FileDetectorConfig struct {
	// Short name in records: lower-case letters, digits, . - and _. Required.
	Name string `yaml:"name"`

	// How it is asked: moderations (OpenAI's /v1/moderations with an image), guard (a model that sees, by a profile), transcribe (OpenAI's
	// /v1/audio/transcriptions; the words are then screened like any). Required.
	How string `yaml:"how"`

	// Address of the endpoint, up to and without /moderations, /chat/completions or /audio/transcriptions. Required.
	URL string `yaml:"url"`

	// The model's name there. Required.
	Model string `yaml:"model"`

	// File that holds the bearer token. Empty: none is sent.
	KeyFile string `yaml:"key_file"`

	// Environment variable that holds it. Only one of key_file and key_env can be set.
	KeyEnv string `yaml:"key_env"`

	// For guard: how the model is asked and read; hegui detector profiles lists them.
	Profile string `yaml:"profile"`

	// For guard: text file with the policy to judge by, for profiles that take one.
	PolicyFile string `yaml:"policy_file"`

	// For guard, with profiles of one question a call: which questions. Empty: the profile's own choice.
	Asks []string `yaml:"asks"`

	// What it looks at: image, or audio and video for transcribe. Empty: all that it can.
	Media []string `yaml:"media"`

	// Tier of what it finds: block, signal or observe. Empty: signal.
	Tier string `yaml:"tier"`

	// Longest time of one check.
	Timeout Duration `yaml:"timeout"`

	// When it cannot judge a file: hold (it is not let through, by the service's modes) or degrade (the others decide, recorded).
	OnError string `yaml:"on_error"`
}
