src := main.c order.c upcalls.c
