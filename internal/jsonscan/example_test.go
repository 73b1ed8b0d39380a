package jsonscan_test

import (
	"fmt"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

func ExampleScanner() {
	body := []byte(`{"success":true,"ignored":[1,2],"buyers":[{"bid":25.50},{"bid":7}]}`)
	var s jsonscan.Scanner
	s.Reset(body)
	for s.Enter(); s.Next(); {
		switch string(s.Name()) {
		case "success":
			fmt.Println("success:", s.Kind() == jsonscan.True)
		case "buyers":
			for s.Enter(); s.Next(); {
				v := s.Read()
				fmt.Printf("buyer: %s\n", body[v.Start:v.End])
			}
		}
	}
	fmt.Println("fault:", s.End())
	// Output:
	// success: true
	// buyer: {"bid":25.50}
	// buyer: {"bid":7}
	// fault: <nil>
}
