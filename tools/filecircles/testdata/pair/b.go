package pair

type B struct{ next *A }
