package methods

func biggest(l List[*Square]) int { return l.First().Side() }

type user struct{ *Square }

// sideOf uses a method that an embedded field brings.
func sideOf(u user) int { return u.Side() }
