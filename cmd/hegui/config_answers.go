package main

// AnswersConfig says what becomes of questions that have an approved answer.
type AnswersConfig struct {
	// enforce: the approved text is the answer. observe: the record says which one it would be. off.
	Act string `yaml:"act"`

	// What a question gets that is only near to one of an answer: pass (the model's answer), or draft: a model puts the approved
	// text into fitting words, which are compared with it and given only if they say nothing else.
	Near string `yaml:"near"`

	// For draft: which of the service's models.
	Model string `yaml:"model"`
}
