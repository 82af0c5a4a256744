# Pages name folders that make is told, so they are made here rather than by configure
man_pages = %D%/rebore.1 %D%/rebore-server.8
man_MANS += $(man_pages)
dist_man_MANS += %D%/rebore-protocol.7
EXTRA_DIST += %D%/rebore.1.in %D%/rebore-server.8.in
CLEANFILES += $(man_pages)

$(man_pages): Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && $(substitute) '$(srcdir)/$@.in' >'$@.tmp' && mv '$@.tmp' '$@'
%D%/rebore.1: %D%/rebore.1.in
%D%/rebore-server.8: %D%/rebore-server.8.in

.PHONY: lint-man
lint-man: $(man_pages)
	$(MANDOC) -T lint -W warning $(man_pages) $(srcdir)/%D%/rebore-protocol.7
