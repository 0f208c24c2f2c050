from virt_operator.main import main

main()
