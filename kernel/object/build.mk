src := ref.c cred.c
