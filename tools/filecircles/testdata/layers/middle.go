package layers

func middleOf(s Settings) int { return s.limit + baseLimit }

func makeSettings() Settings { return Settings{} }
