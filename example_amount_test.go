package trackdrive_test

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/trackdrive-go/trackdrive"
)

func ExampleParseAmount() {
	a, err := trackdrive.ParseAmount("$25.50")
	fmt.Println(a, err)
	_, err = trackdrive.ParseAmount("1,000.00")
	fmt.Println(err)
	// Output:
	// 25.50 <nil>
	// trackdrive: invalid argument: amount: "1,000.00" has a comma; give digits with at most one decimal point, such as "25.50"
}

func ExampleMustAmount() {
	floor := trackdrive.MustAmount("20.00")
	fmt.Println(floor)
	// Output:
	// 20.00
}

func ExampleAmount_Cmp() {
	a, b := trackdrive.MustAmount("24.333333333333332"), trackdrive.MustAmount("24.333333333333333")
	fmt.Println(a.Cmp(b), b.Cmp(a), trackdrive.Amount{}.Cmp(trackdrive.MustAmount("-1")))
	// Output:
	// -1 1 -1
}

func ExampleAmount_Equal() {
	fmt.Println(trackdrive.MustAmount("25.5").Equal(trackdrive.MustAmount("25.50")))
	// Output:
	// true
}

func ExampleAmount_IsSet() {
	fmt.Println(trackdrive.Amount{}.IsSet(), trackdrive.MustAmount("0").IsSet())
	// Output:
	// false true
}

func ExampleAmount_String() {
	fmt.Println(trackdrive.MustAmount("$25.50").String())
	// Output:
	// 25.50
}

func ExampleAmount_Float64() {
	fmt.Printf("%.1f\n", trackdrive.MustAmount("25.50").Float64())
	// Output:
	// 25.5
}

func ExampleAmount_Rat() {
	payout, _ := trackdrive.MustAmount("25.50").Rat()
	margin := new(big.Rat).Mul(payout, big.NewRat(15, 100))
	amount, err := trackdrive.ParseAmount(margin.FloatString(2))
	fmt.Println(amount, err)
	// Output:
	// 3.83 <nil>
}

func ExampleAmount_MarshalText() {
	text, err := trackdrive.MustAmount("25.50").MarshalText()
	fmt.Println(string(text), err)
	// Output:
	// 25.50 <nil>
}

func ExampleAmount_UnmarshalText() {
	var a trackdrive.Amount
	fmt.Println(a.UnmarshalText([]byte("25.50")), a)
	// Output:
	// <nil> 25.50
}

func ExampleAmount_MarshalJSON() {
	data, err := json.Marshal([]trackdrive.Amount{trackdrive.MustAmount("25.50"), {}})
	fmt.Println(string(data), err)
	// Output:
	// ["25.50",null] <nil>
}

func ExampleAmount_UnmarshalJSON() {
	var amounts []trackdrive.Amount
	err := json.Unmarshal([]byte(`[25.50, "25.50", null]`), &amounts)
	fmt.Println(amounts, err)
	// Output:
	// [25.50 25.50 ] <nil>
}

func ExampleID_UnmarshalJSON() {
	var ids []trackdrive.ID
	err := json.Unmarshal([]byte(`[101, "bp-0001", 9007199254740993]`), &ids)
	fmt.Println(ids, err)
	// Output:
	// [101 bp-0001 9007199254740993] <nil>
}

func ExampleFields_UnmarshalJSON() {
	var f trackdrive.Fields
	err := json.Unmarshal([]byte(`{"account": 9007199254740993}`), &f)
	fmt.Println(f["account"], err)
	// Output:
	// 9007199254740993 <nil>
}
