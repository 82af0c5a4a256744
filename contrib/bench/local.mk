# What measures: nothing here is built or run unless it is asked for
EXTRA_DIST += \
	%D%/README.md \
	%D%/RESULTS.md \
	%D%/bench \
	%D%/delay.py \
	%D%/load.c \
	%D%/measures.py \
	%D%/micro.sh \
	%D%/peers.py \
	%D%/picture.py \
	%D%/recovery \
	%D%/report.py \
	%D%/results.svg \
	%D%/stage.py

# Instructions of hot functions, by callgrind. MICRO_BASE: what an earlier run printed, to compare with
EXTRA_PROGRAMS += %D%/micro
%C%_micro_LDADD = librebore.a $(LIBS_ALL)
CLEANFILES += %D%/micro$(EXEEXT)
.PHONY: bench-micro
bench-micro: %D%/micro$(EXEEXT)
	@$(SHELL) '$(srcdir)/%D%/micro.sh' ./%D%/micro$(EXEEXT) $(MICRO_BASE)

# All tools that are there, side by side: an hour and a half; BENCH_FLAGS=--quick for ten minutes. Needs root
.PHONY: bench
bench: rebore$(EXEEXT)
	REBORE=./rebore$(EXEEXT) $(PYTHON) '$(srcdir)/%D%/bench' $(BENCH_FLAGS)
