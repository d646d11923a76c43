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
