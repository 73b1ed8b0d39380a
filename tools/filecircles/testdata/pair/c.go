package pair

func even(n int) bool { return n == 0 || odd(n-1) }
