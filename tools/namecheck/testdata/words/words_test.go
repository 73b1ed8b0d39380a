package words

var unseen = maxLimit
