src := host_env.c mktfs_dir.c mktfs_tar.c
bin := mktfs tfsck tfsdump
test := host_env_test.c
