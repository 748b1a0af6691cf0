src := queue.c thread.c wait.c mutex.c timer.c work.c load.c
