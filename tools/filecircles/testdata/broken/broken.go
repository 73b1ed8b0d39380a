// Package broken does not compile.
package broken

var flag int = true
