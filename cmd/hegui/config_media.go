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

// FunctionConfig is something that a service offers. Who decides about it signs with hegui function, or in the console.
type FunctionConfig struct {
	// Short name: lower-case letters, digits, hyphens. Required.
	ID string `yaml:"id"`

	// Chinese name. Required.
	NameZH string `yaml:"name_zh"`

	// English name. Required.
	NameEN string `yaml:"name_en"`

	// Calls that belong to it: chat, completion, image, image_edit, image_variation, speech, video. Required.
	Operations []string `yaml:"operations"`

	// Only with these models. Empty: with all.
	Models []string `yaml:"models"`

	// Class of Art 17 (1): dialogue, voice, face, scene, other. Required.
	Class string `yaml:"class"`

	// It generates or edits faces or other biometrics (face), voices (voice), or special objects and scenes (special): Art 15 wants a security
	// assessment first, and until it is recorded the function is off. Empty: none of these.
	Biometric string `yaml:"biometric"`

	// It edits the face or voice of a person: every call names a consent (Art 14).
	Consent bool `yaml:"consent"`
}

// LabelConfig is the explicit label.
type LabelConfig struct {
	// start or end of the text, or ui: the interface shows it all the time, and each answer tells the client to.
	Place string `yaml:"place"`

	// Language of the label: zh or en.
	Lang string `yaml:"lang"`

	// With ui: interfaces that have not attested that they show it (X-Hegui-Client, POST /v1/hegui/attestations) get the words in the text.
	Attested bool `yaml:"attested"`
}

// ProviderConfig is the legal person.
type ProviderConfig struct {
	// Registered Chinese name. Required.
	NameZH string `yaml:"name_zh"`

	// English name. Required.
	NameEN string `yaml:"name_en"`

	// Unified social credit code (统一社会信用代码), 18 characters; its check character is verified. Labels carry it
	// (GB 45438-2025, TC260-PG-20252A). Required unless code is given.
	USCC string `yaml:"uscc"`

	// Provider code in labels, 27 characters. Empty: composed from uscc.
	Code string `yaml:"code"`

	// How the public reaches the provider: shown on the portal beside the ways to complain (Art 15).
	Contact string `yaml:"contact"`

	// Private key (PEM, PKCS #8: Ed25519 or SM2) that signs the label of generated content in ReservedCode1. Empty: labels are not signed.
	LabelKey string `yaml:"label_key"`
}
