"""What an exercise calls to be told what is wrong: one module a chapter.

A chapter writes `from course.checks import attention as check` and ends a cell with `check.softmax(my_softmax)`.

To add a chapter, write a module that holds its exercises and lists them in `EXERCISES`; `course.checks.diagnosis` says
how, `course/checks/attention.py` is an example. Exercises that ask for plain numbers are `course.checks.numeric`'s.
`tests/test_checks.py` finds every such module and holds its tables to what they promise: each mistake is wrong and gets
its own diagnosis; `tests/test_checks_numeric.py` does the same for the numbers.
"""
