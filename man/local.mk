dist_man_MANS += %D%/rebore.1 %D%/rebore-server.8 %D%/rebore-protocol.7

.PHONY: lint-man
lint-man:
	cd $(srcdir) && $(MANDOC) -T lint -W warning $(dist_man_MANS)
