"""What an exercise calls to be told what is wrong: one module a part of the book.

A chapter writes `from course.checks import attention as check` and ends a cell with `check.softmax(my_softmax)`.

To add a part, write a module (or a folder like `course/checks/attention/`) that holds, for each exercise, an `Exercise`
(the oracle, a few trials, a table of the mistakes that learners make) and a function that hands it to `examine`, and
lists its exercises in `EXERCISES`. `tests/test_checks.py` finds every such module and holds its tables to what they
promise: the oracle is right, each mistake is wrong, and each gets its own diagnosis.
"""
